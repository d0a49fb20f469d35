"""The live stream: what has just arrived, to everybody who listens and may hear it."""

from api.live.hub import Hub

__all__ = ["Hub"]
