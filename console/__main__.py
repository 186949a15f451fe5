"""`python -m console` is `slimstream`, for where no script is installed."""

from console.main import main

main()
