"""Input files: checked, compared with the memory and read strictly. Output files: written whole or not at all."""
