"""Linear operators: Fourier transforms, wavelets, differences, and the encoding of MRI."""
