"""What a network's image is compared with its reference by, while it is trained."""
