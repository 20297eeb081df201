"""Changes of notes, as the page that writes them tells them."""

from pydantic import BaseModel, Field


class Change(BaseModel):
    """What a note has become. Sent twice, it does no more than sent once."""

    id: str = Field(pattern="^[A-Za-z0-9_-]{1,64}$")
    version: int = Field(ge=1, description="How often the note was changed where it is written.")
    text: str = Field(max_length=10_000)
    deleted: bool = False

    @property
    def words(self) -> str:
        """How people know the note."""
        first = next((line.strip() for line in self.text.splitlines() if line.strip()), "without words")
        return f"“{first if len(first) <= 40 else first[:39].rstrip() + '…'}”"
