"""How it looks: the picture and the page of a dataset."""
