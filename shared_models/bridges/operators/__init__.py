"""ONNX operators as differentiable torch functions, by kind."""
