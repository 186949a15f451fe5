"""What the cloud asks of a camera, above the agent's own configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """Settings that the cloud asked for; the configuration holds where one is None."""

    quality: float | None = None
    width: float | None = None
    frames_per_second: float | None = None

    def over(self, older: "Wish") -> "Wish":
        """Return this wish, with what it leaves open taken from an older one."""
        return Wish(
            older.quality if self.quality is None else self.quality,
            older.width if self.width is None else self.width,
            older.frames_per_second if self.frames_per_second is None else self.frames_per_second,
        )

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the settings that it asks for."""
        values = {
            "quality": self.quality,
            "width": self.width,
            "frames_per_second": self.frames_per_second,
        }
        return tuple(name for name, value in values.items() if value is not None)
