"""Classification of pictures; its metrics, losses and checks serve other classifiers too."""
