"""fourfold"""
