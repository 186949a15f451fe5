"""One stream around a store that does not answer: nothing may grow meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cloud import agent_stream
from cloud.agent_stream import AgentStream, StreamContext
from cloud.live import LiveAgents
from cloud.metrics import GatewayMetrics
from cloud.session import Session
from cloud.storage.committer import Written
from cloud.storage.store import Store, StoreOptions
from runtime.clock import SystemClock
from tests.cloud.fake_agent import PATIENCE_S, gap, hello
from tests.cloud.test_session import EVERYTHING, LIMITS, MODEL, NOW


class StuckStore:
    """Takes entries and finishes none until it is told to."""

    def __init__(self, store: Store) -> None:
        self.reading = store.reading
        self.futures: list[Future[Written]] = []

    def settled(self, _log: str) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def submit(self, _entry: object) -> Future[Written]:
        self.futures.append(Future())
        return self.futures[-1]


async def test_gaps_cost_no_credit_and_do_not_pile_up_before_a_slow_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_stream, "_IN_FLIGHT_MAX", 8)
    sent = 0
    asked_again = asyncio.Event()

    async def requests() -> AsyncIterator[bytes]:
        nonlocal sent
        yield hello(MODEL, "door").SerializeToString()
        for number in range(100):
            sent += 1
            yield gap("door", number, number, number).SerializeToString()
            asked_again.set()

    with Store.open(StoreOptions(tmp_path / "store", segment_bytes=1 << 20)) as real:
        stuck: Any = StuckStore(real)
        context = StreamContext(
            store=stuck,
            live=LiveAgents(),
            metrics=GatewayMetrics(CollectorRegistry()),
            clock=SystemClock(),
            software="test",
            message_bytes_max=1 << 20,
            publish=lambda _job: None,
            on_pull_refused=lambda _answer: None,
            on_settings=lambda _agent, _answer: None,
            on_left=lambda _agent: None,
        )
        stream = AgentStream(Session(EVERYTHING, [MODEL], LIMITS, NOW), context)
        async with asyncio.timeout(PATIENCE_S):
            answers = stream.answers(requests())
            await anext(answers)  # Welcome
            told = asyncio.create_task(anext(answers))
            while len(stuck.futures) < 8:
                asked_again.clear()
                await asked_again.wait()
            for _ in range(50):  # turns of the loop in which a reader that did not pause would go on
                await asyncio.sleep(0)
            assert (sent, len(stuck.futures)) == (8, 8)
            for future in stuck.futures:
                future.set_result(Written(None, None))  # type: ignore[arg-type]  # of a gap nobody reads it
            answer = await told
            assert answer.ack.gap_ids
            await answers.aclose()
