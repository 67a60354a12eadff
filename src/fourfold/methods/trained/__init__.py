"""Methods whose networks were trained beforehand."""
