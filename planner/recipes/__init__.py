"""Ready-made graphs and jobs. Executors import the functions from here.

Numpy and pyarrow do for most of them; `forecasting` needs pandas and scikit-learn, `recommending` pandas and scipy,
`images` Pillow, `classifier` and `language` onnx and ONNX Runtime.
"""
