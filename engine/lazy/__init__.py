"""One door for each heavy or optional package, opened when it is first used.

Each module loads one package (numpy, OpenCV, torch, torchvision, or an extra), works round what is
known of it, and tells its failures in one line. Nothing here knows images, networks or maps.
"""
