"""One judgement of each certificate and delegation: who must act, by when, and what happens otherwise."""
