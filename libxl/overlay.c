/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's call to make an overlay. */
#include "config.h"

#include "libxl/overlay_facts.h"
#include "libxl/qemu_img_overlay.h"

static int check(const char *image, libxl_disk_format image_format,
                 const libxl_snapshot_overlay *overlay,
                 libxl_snapshot_diag *diag)
{
    if (!overlay->path || overlay->reuse)
        return xls_diag(diag, ERROR_INVAL, NULL,
                        "an overlay on %s: %s", image, overlay->path
                        ? "one that is there already cannot be made"
                        : "it has no path");
    if (!xls_format_driver(image_format))
        return xls_diag(diag, ERROR_INVAL, NULL,
                        "an overlay on %s: an image that is %s cannot have one",
                        image, libxl_disk_format_to_string(image_format));
    if (overlay->format != LIBXL_DISK_FORMAT_QCOW2 &&
        overlay->format != LIBXL_DISK_FORMAT_QED)
        return xls_diag(diag, ERROR_INVAL, NULL,
                        "an overlay on %s: it is qcow2 or qed, not %s", image,
                        libxl_disk_format_to_string(overlay->format));
    return 0;
}

int libxl_disk_overlay_create(libxl_snapshot_ctx *sctx, const char *image,
                              libxl_disk_format image_format,
                              const libxl_snapshot_overlay *overlay,
                              libxl_snapshot_diag *diag)
{
    const struct qemu_img tool = { sctx->qemu_img, sctx->lg };
    deadline by = deadline_after(XLS_QEMU_IMG_TIMEOUT_MS);
    struct overlay_layout layout;
    struct image_info info;
    struct diag d = { "" };
    int rc;

    rc = check(image, image_format, overlay, diag);
    if (rc) return rc;
    image_info_init(&info);
    layout = (struct overlay_layout){
        .path = overlay->path,
        .format = xls_format_driver(overlay->format),
        .backing = image,
        .backing_format = xls_format_driver(image_format),
    };
    rc = qemu_img_info(&tool, image, layout.backing_format, by, &info, &d);
    if (!rc) {
        layout.virtual_size = info.virtual_size;
        rc = qemu_img_overlay_create(&tool, &layout, by, &d);
    }
    image_info_dispose(&info);
    if (rc) xls_diag(diag, rc, NULL, "an overlay on %s: %s", image, d.text);
    return rc;
}
