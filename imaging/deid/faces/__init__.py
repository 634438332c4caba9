"""Faces in volumes of CT and MR: found in a whole series, and taken out of each of its pictures."""
