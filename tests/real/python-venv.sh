# A virtual environment, and a local wheel installed into it without a network.
# needs: /usr/bin/python3
# limit: 180
set -eu
/usr/bin/python3 -m venv env
cat > wheel.py << 'PY'
import zipfile
with zipfile.ZipFile("pearl-1.0-py3-none-any.whl", "w") as z:
    z.writestr("pearl/__init__.py", "def shine(): return 'pearl ' + str(6 * 7)\n")
    z.writestr("pearl/__main__.py", "import pearl; print(pearl.shine())\n")
    z.writestr("pearl-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pearl\nVersion: 1.0\n")
    z.writestr("pearl-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr("pearl-1.0.dist-info/entry_points.txt", "[console_scripts]\npearl = pearl.__main__:main\n")
    z.writestr("pearl-1.0.dist-info/RECORD", "pearl/__init__.py,,\npearl/__main__.py,,\npearl-1.0.dist-info/METADATA,,\npearl-1.0.dist-info/WHEEL,,\npearl-1.0.dist-info/entry_points.txt,,\npearl-1.0.dist-info/RECORD,,\n")
PY
env/bin/python wheel.py
env/bin/pip install --quiet --no-index --disable-pip-version-check ./pearl-1.0-py3-none-any.whl
env/bin/python -m pearl
env/bin/pip list --disable-pip-version-check 2> /dev/null | grep pearl
env/bin/pip uninstall --quiet --yes pearl
env/bin/python -c 'import pearl' 2> /dev/null || echo uninstalled
