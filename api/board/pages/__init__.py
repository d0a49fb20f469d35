"""The pages of the board, one module for each; each has `add(board)`."""

from api.board.pages import overview

PAGES = (overview,)
