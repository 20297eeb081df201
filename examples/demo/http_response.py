"""What a server answered, whoever asked."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    """By their names in small letters."""
