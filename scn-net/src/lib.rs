//! Supervised deep sparse coding networks: layers, assembly and training
