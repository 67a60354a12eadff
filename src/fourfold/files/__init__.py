"""Files in and out: found, sized and read strictly; written whole or not at all."""
