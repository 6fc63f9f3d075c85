"""OA-GAN: find what hides a face, look past it, and complete the face; trained on pairs and on natural photographs."""
