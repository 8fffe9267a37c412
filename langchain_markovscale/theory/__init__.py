"""The mathematics: the chain, the belief over answers, and the criterion.

Knows nothing of models or graphs.
"""
