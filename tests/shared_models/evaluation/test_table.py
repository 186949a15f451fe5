from shared_models.evaluation.table import markdown


def test_numbers_stand_at_the_right_and_words_at_the_left() -> None:
    assert markdown(["codec", "bytes"], [["jpeg", "900"], ["webp", "1,200"]]).splitlines() == [
        "| codec | bytes |",
        "| ----- | ----: |",
        "| jpeg  |   900 |",
        "| webp  | 1,200 |",
    ]


def test_a_bar_inside_a_cell_does_not_end_it() -> None:
    assert markdown(["a"], [["x|y"]]).splitlines()[2] == r"| x\|y |"


def test_a_table_without_rows_is_its_head() -> None:
    assert markdown(["a", "b"], []).splitlines() == ["| a | b |", "| - | - |"]
