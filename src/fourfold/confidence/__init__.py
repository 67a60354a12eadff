"""How far to believe an image without a reference, and the choice of the method by it."""
