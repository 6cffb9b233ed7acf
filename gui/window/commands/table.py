"""The table of all commands, in the order of the menus."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QAction

from engine.render.colormaps import COLORMAPS
from engine.render.looks import LOOKS
from gui.window.commands.command import Command, native, plain
from gui.window.commands.derived import of_colormap, of_look, of_method, of_rank, of_tool

SHEETS: Final = (
    ("layers", "All layers of this image"),
    ("images", "This layer in all images"),
    ("methods", "All methods on this layer"),
    ("classes", "Five most probable classes"),
)
"""The contact sheets, by what they are called where one is chosen."""

TOOLS: Final = ("select", "crop", "rectangle", "ellipse", "lasso", "brush", "copy")
"""The tools of 'What if', in the order of their strip."""

_FILE: Final = (
    Command("open_image", "Open images…", "File", ("Ctrl+O",), "open-image", "Open images"),
    Command("open_folder", "Open folder…", "File", ("Ctrl+Shift+O",), "open-folder"),
    Command("open_weights", "Open model file…", "File", ("Ctrl+Shift+M",), "open-weights",
            "Open weights, a saved model or a Python file"),
    Command("open_page", "Open folder as a page…", "File/Open as a page", ("Ctrl+Alt+O",),
            "open-folder", "Explain all images of a folder, in a table with filters and charts"),
    Command("open_list", "Open list of images as a page…", "File/Open as a page",
            tip="A table of paths and labels (CSV), or a list of paths, as a folder page"),
    Command("recent_images", "Recent images", "File", submenu=True),
    Command("recent_models", "Recent models", "File", submenu=True),
    Command("save_session", "Save session", "File", ("Ctrl+S",), section=1,
            tip="Save what is open, with what was chosen and noted, in a session file"),
    Command("save_session_as", "Save session as…", "File/Session", ("Ctrl+Shift+S",), section=1),
    Command("open_session", "Open session…", "File/Session", section=1,
            tip="Open a session in place of what is open"),
    Command("recent_sessions", "Recent sessions", "File/Session", submenu=True, section=1),
    Command("previous_session", "Back to previous session", "File/Session", section=1,
            tip="Open again what was open before this session, or in the run before this one"),
    Command("restore", "Open last session at start", "File/Session", checkable=True, section=2,
            tip="Begin with what was open when the program was closed"),
    Command("export", "Export…", "File", ("Ctrl+E",), "export",
            "Save the image with its heat map, the raw map or the metadata", section=2),
    Command("figure", "Export figure…", "File/More exports", ("Ctrl+Shift+E",), "export",
            "A figure for print, with a preview: PNG, PDF or SVG, of one map or of many",
            section=2),
    *(Command(f"sheet_{kind}", f"{text}…", "File/More exports/Contact sheet", section=2)
      for kind, text in SHEETS),
    Command("report", "Report…", "File/More exports", icon="export", section=2,
            tip="Image, prediction, maps, settings and checksums in one HTML file or a PDF"),
    Command("save_script", "Save as Python script…", "File/More exports", section=2,
            tip="A short script that makes this map again with torch alone"),
    Command("reveal_image", "Show image in its folder", "File/Show in folder", section=2),
    Command("reveal_model", "Show model in its folder", "File/Show in folder", section=2),
    Command("close_image", "Close image", "File", ("Ctrl+W",), "close", section=3),
    Command("close_others", "Close other images", "File/Close or reopen", section=3),
    Command("close_all", "Close all images", "File/Close or reopen", ("Ctrl+Shift+W",), section=3),
    Command("reopen_images", "Reopen closed images", "File/Close or reopen", ("Ctrl+Shift+T",),
            section=3),
    Command("delete_image", "Close image (in the strip)", "File", ("Del",), bound=False),
    Command("reset_settings", "Reset settings…", "File", icon="settings-reset", section=4,
            tip="Reset window layout, theme, display settings and recent files"),
    Command("quit", "Quit", "File", ("Ctrl+Q",), "quit", section=4,
            role=QAction.MenuRole.QuitRole),
)  # fmt: skip

_EDIT: Final = (
    Command("undo", "Undo", "Edit", ("Ctrl+Z",), "undo"),
    Command("redo", "Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo"),
    Command("copy", "Copy image", "Edit/Copy", ("Ctrl+C",), "copy",
            "Copy the visible part of the image with its heat map", section=1),
    Command("copy_script", "Copy as Python", "Edit/Copy", section=1,
            tip="Copy a short script that makes this map again with torch alone"),
    Command("copy_path", "Copy image path", "Edit/Copy", section=1,
            tip="Copy the image file, to paste it as a file or as its path"),
    Command("copy_class", "Copy class name", "Edit/Copy", section=1),
    Command("paste", "Paste image", "Edit", ("Ctrl+V",), "paste", "Open the copied image or files",
            section=1),
    Command("what_if", "What if", "Edit", ("E",), "what-if",
            "Hide, crop or change the image, and see what that does to the predictions",
            checkable=True, section=2),
    of_tool("select", "Select and move", "V", "Select an edit, move it, or drag its corners"),
    of_tool("crop", "Crop", "K", "Explain a part of the image beside the whole"),
    of_tool("rectangle", "Rectangle", "R", "Hide or keep a rectangle; with Shift, a square"),
    of_tool("ellipse", "Ellipse", "U", "Hide or keep an ellipse; with Shift, a circle"),
    of_tool("lasso", "Lasso", "S", "Hide or keep what a line goes round"),
    of_tool("brush", "Brush", "H", "Hide or keep what is painted over; Shift and wheel: its size"),
    of_tool("copy", "Copy part", "Y", "Copy a rectangle, to paste it on this or another image"),
    Command("paste_part", "Paste part", "Edit", ("Shift+Y",), section=3,
            tip="Paste the part that was copied; drag it to move it"),
    Command("paste_map", "Score by position", "Edit", section=3,
            tip="A heat map of what pasting the selected part anywhere does to the class"),
    Command("brush_smaller", "Smaller brush", "Edit/Tool", (",",), section=3),
    Command("brush_larger", "Larger brush", "Edit/Tool", (".",), section=3),
    Command("remove_edit", "Remove selected edit", "Edit", section=3,
            listing=("Remove selected edit", "Del")),
    Command("clear_edits", "Remove all edits", "Edit", section=3),
    Command("share_edits", "Apply edits to other images", "Edit", section=4,
            tip="Give all other images of the strip the edits of this one"),
    Command("copy_edits", "Copy edits as JSON", "Edit", section=4),
    Command("export_edits", "Export edits…", "Edit", section=4,
            tip="As JSON, which the command line replays: what-if --edits FILE"),
    Command("open_edits", "Open edits…", "Edit", section=4,
            tip="Do the edits of a JSON file to this image, in place of its own"),
)  # fmt: skip

_VIEW: Final = (
    Command("fit", "Fit to window", "View/Zoom", ("F", "Ctrl+0"), "fit"),
    Command("actual_size", "Actual size", "View/Zoom", ("Ctrl+1",), "actual-size",
            "Show one image pixel per screen pixel"),
    Command("zoom_in", "Zoom in", "View/Zoom", ("+", "=", "Ctrl++", "Ctrl+="), "zoom-in"),
    Command("zoom_out", "Zoom out", "View/Zoom", ("-", "Ctrl+-"), "zoom-out"),
    Command("overlay", "Heat map", "View", ("O",), "overlay", "Show the heat map over the image",
            checkable=True, section=1),
    Command("bare", "Show original image (hold)", "View", ("Space",), "bare", bound=False),
    Command("grid", "Native grid", "View", ("G",), "grid",
            "Show the cells of the map without interpolation",
            checkable=True, section=1),
    Command("grey", "Grey picture", "View", ("Shift+G",), checkable=True, section=1,
            tip="Show the image in grey, so that colour belongs to the heat map alone"),
    Command("contours", "Contours", "View", ("Shift+C",), checkable=True, section=1,
            tip="Show lines of equal value"),
    Command("sign_positive", "Positive", "View/Sign", ("Shift+P",), "sign-positive",
            "Evidence for the class", checkable=True, group="sign", section=1),
    Command("sign_negative", "Negative", "View/Sign", ("Shift+N",), "sign-negative",
            "Evidence against the class", checkable=True, group="sign", section=1),
    Command("sign_signed", "Both signs", "View/Sign", ("Shift+S",), "sign-signed",
            "Evidence for and against the class", checkable=True, group="sign", section=1),
    *(of_colormap(name) for name in COLORMAPS),
    *(of_look(look) for look in LOOKS),
    Command("opacity_down", "Decrease opacity", "View/Look", ("[",), section=2),
    Command("opacity_up", "Increase opacity", "View/Look", ("]",), section=2),
    Command("compare", "Compare with…", "View/Compare", ("C",), section=1,
            tip="Then choose a class, layer, image, method or model to see it beside this one"),
    Command("compare_bare", "Compare with original image", "View/Compare", ("B",),
            section=1),
    Command("next_pane", "Next pane", "View/Compare", ("N",), section=2,
            tip="Make the next pane the active one, which all panels speak of"),
    Command("close_pane", "Close pane", "View/Compare", ("X",), section=2),
    Command("one_pane", "One pane", "View/Compare", section=2, listing=("Back to one pane", "Esc"),
            tip="Show the active pane alone; the others can be brought back"),
    Command("panes_again", "Panes as before", "View/Compare", ("Shift+X",), section=2,
            tip="Bring back the panes that were there before the view went back to one"),
    Command("swipe", "Swipe", "View/Compare", ("W",), checkable=True, section=3,
            tip="Two panes over each other, with a divider to drag"),
    Command("difference", "Difference", "View/Compare", ("Shift+D",), checkable=True, section=3,
            tip="The first map minus the second, beside them, with numbers"),
    Command("link_zoom", "Link zoom and place", "View/Compare", checkable=True, section=4),
    Command("link_cursor", "Link pointer", "View/Compare", checkable=True, section=4,
            tip="Show the values under the pointer in all panes"),
    Command("link_scale", "One colour scale", "View/Compare", checkable=True, section=4,
            tip="The same colour is the same value in all panes"),
    Command("link_selection", "Link selection", "View/Compare", checkable=True, section=4,
            tip="What panes have in common, such as the layer, changes in all of them"),
    Command("lock_scale", "Lock colour scale", "View/Keep", ("L",), checkable=True, section=2,
            tip="Keep the end of the colour scale for other images, layers and sessions"),
    Command("pin_class", "Pin class", "View/Keep", ("P",), checkable=True, section=2,
            tip="Keep the explained class for other images"),
    Command("keep_selection", "Keep layer and method", "View/Keep", checkable=True, section=2,
            tip="Show every image with the layer, method and question selected now, "
                "not as it was left"),
    Command("sweep", "Layer thumbnails", "View", ("T",), "thumbnails",
            "Compute the maps of all layers when idle and show them in the tree",
            checkable=True, section=3),
    Command("panels", "Panels", "View", ("Ctrl+B",), "panels", "Show the panels around the image",
            checkable=True, section=3),
    Command("fold_strip", "Images in one line", "View", checkable=True, section=3,
            tip="Show the names of the open images alone, and leave the room to the picture"),
    Command("inspector", "Inspector", "View", ("I",),
            tip="Show layers, channels and numbers of the map in a drawer below the image",
            checkable=True, section=3),
    Command("folder_page", "Folder page", "View", ("F2",), checkable=True, section=3,
            tip="Go to the open folder and back to the picture"),
    Command("theme_system", "Follow system", "View/Theme", checkable=True, group="theme",
            section=4),
    Command("theme_light", "Light", "View/Theme", checkable=True, group="theme",
            section=4),
    Command("theme_dark", "Dark", "View/Theme", checkable=True, group="theme",
            section=4),
)  # fmt: skip

_MODEL: Final = (
    Command("demo_photos", "Demo: photos", "Model", icon="demo",
            tip="EfficientNet-Lite0, which knows the 1,000 classes of ImageNet"),
    Command("demo_shapes", "Demo: shapes", "Model", icon="demo",
            tip="A small model that classifies eight shapes"),
    Command("demo_shortcut", "Demo: shortcut", "Model", icon="demo",
            tip="The same architecture, trained with a watermark on the images of one class"),
    Command("open_model", "Open torchvision model…", "Model", ("Ctrl+M",), "open-model",
            "Choose, download and open a torchvision classifier"),
    Command("input_output", "Input and output…", "Model", ("Ctrl+I",), "input",
            "How images are preprocessed and how the output is interpreted"),
    Command("open_classes", "Load class names…", "Model",
            tip="Load class names from a .txt, .csv or .json file"),
    Command("import_profile", "Import profile…", "Model/Profile"),
    Command("export_profile", "Export profile…", "Model/Profile"),
    Command("default_layer", "Go to default layer", "Model", ("D",), "default-layer",
            "Select and explain the default layer of the model", section=1),
    Command("filter_layers", "Filter layers", "Model", ("Ctrl+F",), "search", section=1),
    Command("exact", "Exact computation", "Model",
            tip="Compute with the model's own layers alone: slower, and the same to the last bit",
            checkable=True, section=1),
    Command("choose_method", "Choose method…", "Model", ("M",), section=1,
            tip="How the map is computed"),
    Command("choose_question", "Choose question…", "Model", ("Q",), section=1,
            tip="What the map answers: a class, what tells two apart, a channel, the uncertainty"),
    *(of_rank(number) for number in range(1, 10)),
    Command("previous_class", "Previous class", "Model/Explain class", ("Alt+Up",),
            section=3),
    Command("next_class", "Next class", "Model/Explain class", ("Alt+Down",), section=3),
    Command("find_class", "Find class", "Model", ("Ctrl+K",), "search", section=2),
    Command("cancel", "Stop", "Model", ("Esc",), "cancel", "Stop the current operation",
            section=3),
)  # fmt: skip

_IMAGE: Final = (
    Command("previous_image", "Previous image", "Image", ("PgUp", "Alt+Left"), "previous"),
    Command("next_image", "Next image", "Image", ("PgDown", "Alt+Right"), "next"),
    Command("previous_page", "Previous page", "Image", ("Ctrl+PgUp",), section=1),
    Command("next_page", "Next page", "Image", ("Ctrl+PgDown",), section=1),
    Command("add_note", "Add note…", "Image", ("Ctrl+Shift+N",), section=2,
            tip="Write something about the image or a part of it, kept in the session"),
    Command("find_image", "Find image", "Image", ("Ctrl+Shift+F",), "search", section=2,
            tip="Show only the open images whose name or notes have these words"),
    Command("levels_auto", "Automatic levels", "Image", ("A",), section=2,
            tip="Undo the levels set by dragging with the right button"),
    Command("drag_levels", "Change levels: drag with right button", "Image", bound=False,
            listing=("Change which values are black and white", "right-button drag")),
)  # fmt: skip

_HELP: Final = (
    Command("guide", "User guide", "Help", ("F1",), "help"),
    Command("shortcuts", "Keyboard shortcuts", "Help", ("?",), "keyboard"),
    Command("sample_folder", "Sample folder", "Help", icon="open-folder",
            tip="Drawn scenes as a folder page, with a network that takes a shortcut"),
    Command("check", "Check installation…", "Help", icon="check", section=1,
            tip="Run through the main functions in a second window and report what works"),
    Command("open_log", "Open log folder", "Help", icon="log", section=1),
    Command("about", "About Hookscope", "Help", icon="info", section=1,
            role=QAction.MenuRole.AboutRole),
)  # fmt: skip

TOOLBAR: Final = (("open_image", "Open image"), ("open_model", "Open model"), ("export", "Export"))
"""Ids and short texts of the toolbar; the window adds the facts about the model."""

MODEL_MENU: Final = ("demo_photos", "demo_shapes", "demo_shortcut", "open_model", "open_weights")
"""The menu of the button 'Open model' in the toolbar, above the recent models."""

FIXED: Final[tuple[Command, ...]] = (*_FILE, *_EDIT, *_VIEW, *_MODEL, *_IMAGE, *_HELP)
"""What is known without the table of methods: all that the first paint needs."""


def table() -> tuple[Command, ...]:
    """Every command, in the order of the menus. The methods are not read before the first paint."""
    from engine.methods.registry import METHODS

    place = next(i for i, command in enumerate(FIXED) if command.id == "class_1")
    return (*FIXED[:place], *map(of_method, METHODS), *FIXED[place:])


def shortcut_rows() -> list[tuple[str, str, str]]:
    """(menu, text, keys) of every command with a shortcut, in the order of the table."""
    rows = []
    for command in table():
        text, keys = command.listing or (plain(command.text), native(command.keys))
        if keys:
            rows.append((command.menu.partition("/")[0], text, keys))
    return rows
