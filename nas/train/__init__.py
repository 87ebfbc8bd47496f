"""How one network is trained, resumed and evaluated."""
