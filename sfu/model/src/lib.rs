//! Ids, names, units and the vocabulary between the control plane and the media plane.
