"""Regularisers: penalties of images with their proximal maps."""
