"""Blinded reader studies: images of several methods rated in a browser by readers who do not know which is which."""
