"""Plots: values by time with their thresholds; gaps stay gaps, suspect values are hollow."""

from api.board.plot.element import Scene, course_of, draw, plot, spark
from api.board.plot.picture import Course, Curve, Line, Look, Shape, Tone

__all__ = ["Course", "Curve", "Line", "Look", "Scene", "Shape", "Tone", "course_of", "draw", "plot", "spark"]
