//! MNIST, CIFAR-10 and embedded handwritten digits, from file bytes to shuffled, augmented batches
