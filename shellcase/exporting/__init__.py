"""The forms in which events leave the timeline; `shellcase.export` chooses among them."""
