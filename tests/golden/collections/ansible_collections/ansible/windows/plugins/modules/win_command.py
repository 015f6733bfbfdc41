# Stands for a module that only the listing looks for.
