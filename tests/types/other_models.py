"""A model whose name another module has, too."""

from pydantic import BaseModel


class Named(BaseModel):
    other_name: str
