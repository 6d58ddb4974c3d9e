"""Evaluation items removed from training text by GPT-3's procedure (Brown et al. 2020, appendix C)."""
