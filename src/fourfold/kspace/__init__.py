"""K-space: GRAPPA and SPIRiT kernels, partial Fourier, data consistency, scale."""
