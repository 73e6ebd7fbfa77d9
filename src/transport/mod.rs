//! Hands on the nodes: real over SSH or simulated, one contract.
