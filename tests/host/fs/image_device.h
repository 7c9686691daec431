/* An EROFS image in memory as a device that can be mounted. */
#pragma once

#include "erofs_image.h"

struct file_system;

/* As erofs_create(). The image outlives the file system; one at a time. */
int image_device_create(struct image *image, struct file_system **out);
