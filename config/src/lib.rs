//! Typed configuration of the node: YAML, environment and flags.
