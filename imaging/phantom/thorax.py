"""Painting a chest: body wall, skeleton, mediastinum, lungs and upper abdomen in the portal venous phase.

The frame is patient LPS in mm with the carina at the origin of z. Shapes and CT numbers are textbook values
for an adult; each subject's anatomy varies around them with its seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imaging.phantom.canvas import Array, Canvas, Grid, Point, coverage, ellipsoid
from imaging.phantom.scanner import scanned
from imaging.phantom.subjects import Lesion, PhantomSubject
from imaging.phantom.vessels import grow_vessel

_AIR, _LUNG, _FAT, _MUSCLE, _BLOOD, _LIVER = -1000.0, -862.0, -100.0, 56.0, 45.0, 60.0
#: What contrast agent adds in the portal venous phase.
_BLOOD_AGENT, _LIVER_AGENT = 120.0, 48.0


def thorax_volume(subject: PhantomSubject, timepoint: int, grid: Grid) -> Array:
    """CT numbers of one scan of a subject.

    Parameters
    ----------
    timepoint
        Index of the scan, 0 at baseline.

    Returns
    -------
    NDArray
        (slices, rows, columns), feet to head, front to back, right to left, Hounsfield units.
    """
    random = np.random.Generator(np.random.PCG64((subject.seed, 2, timepoint)))
    painter = _Painter(subject, timepoint, grid)
    painter.body()
    painter.bones()
    painter.chest_cavity()
    painter.abdomen()
    painter.mediastinum()
    painter.lung_vessels()
    painter.airways()
    painter.lesions()
    return scanned(painter.canvas.hu, painter.lung, grid, random)


class _Painter:
    def __init__(self, subject: PhantomSubject, timepoint: int, grid: Grid) -> None:
        self.subject, self.timepoint, self.grid = subject, timepoint, grid
        self.anatomy = subject.anatomy(timepoint)
        self.canvas = Canvas(grid, subject.shift_mm(timepoint))
        self.breath = subject.breath_mm(timepoint)
        agent = subject.enhancement(timepoint)
        self.blood, self.liver = _BLOOD + _BLOOD_AGENT * agent, _LIVER + _LIVER_AGENT * agent
        a, x, y, z = self.anatomy, self.canvas.x, self.canvas.y, self.canvas.z
        up = np.clip((z - 15.0) / 112.0, 0.0, 0.98)
        #: Scale of the rib cage and of the body along z: the cage closes to a dome, the shoulders stay.
        self.cage_scale: Array = (1.0 - up**2.2) ** 0.5
        body_scale = 1.0 - 0.05 * up + 0.02 * np.clip(-z / 140.0, 0.0, 1.0)
        self.cage_width, self.cage_depth = a.width - a.fat - 22.0, a.depth - a.fat - 16.0
        self.spine_y = self.cage_depth - 40.0
        plane = _superellipse(x, y + 3.0, self.cage_width, self.cage_depth, 2.35)
        #: Signed distance to the inner surface of the chest wall, mm.
        self.cage: Array = (plane / self.cage_scale - 1.0) * np.float32((self.cage_width + self.cage_depth) / 2)
        skin = _superellipse(x, y, a.width, a.depth, 2.3) / body_scale
        self.skin: Array = (skin - 1.0) * np.float32((a.width + a.depth) / 2)
        right = a.dome_right - ((x + 72.0) ** 2 + (y + 4.0) ** 2) / 165.0
        left = a.dome_left - ((x - 70.0) ** 2 + (y + 2.0) ** 2) / 165.0
        #: Signed distance to the diaphragm along z, mm, negative below.
        self.diaphragm: Array = z - (np.maximum(right, left) + self.breath)
        self.lung: Array = np.zeros_like(self.canvas.hu)

    def fill(self, distance: Array, hu: float | Array, box: tuple[slice, ...] = ()) -> None:
        """Blend a CT number into the whole volume or a box of it, by signed distance, mm."""
        region = self.canvas.hu[box]
        region += coverage(distance, self.grid.pixel_mm) * (hu - region)

    def body(self) -> None:
        canvas, a = self.canvas, self.anatomy
        self.fill(self.skin, 10.0)
        self.fill(self.skin + 2.0, _FAT)
        self.fill(self.cage - 15.0, _MUSCLE)
        under = coverage(self.skin + np.float32(0.45 * a.fat), 3.0)
        for side in (-1.0, 1.0):
            back, front = a.depth - 24.0, -(a.depth - 19.0)
            for centre, radii, turn in (
                ((side * 26, back, 0.0), (24.0, 17.0, 900.0), side * 0.15),  # erector spinae
                ((side * 62, front, 48.0), (58.0, 14.0, 62.0), side * -0.34),  # pectoral
                ((side * (a.width - 27), 18.0, 22.0), (13.0, 52.0, 110.0), side * 0.12),  # latissimus
                ((side * 58, back + 3, 75.0), (44.0, 8.0, 70.0), side * 0.2),  # trapezius
                ((side * (a.width - 56), 62.0, 58.0), (44.0, 15.0, 62.0), side * -0.62),  # around the blade
            ):
                canvas.ellipsoid(centre, radii, _MUSCLE, turn=turn, within=under)
        table = self.canvas.y - np.float32(a.depth + 9.0) + self.canvas.x**2 / 1400.0
        self.fill(np.abs(table) - 1.6 + 0 * self.canvas.z, -420.0)
        self.fill(np.abs(table - 9.0) - 7.0 + 0 * self.canvas.z, -905.0)

    def bones(self) -> None:
        canvas, a, x, y, z = self.canvas, self.anatomy, self.canvas.x, self.canvas.y, self.canvas.z
        # Ribs fall to the front: a tilted comb of ellipses in a shell around the cage.
        pitch, slope = 27.0, 0.52
        comb = (z - slope * (y - self.cage_depth) + np.float32(a.rib_phase)) / pitch
        height = (comb - np.round(comb)) * np.float32(pitch * 0.89 / 7.2)
        radial = (self.cage - 6.0) / 4.6
        ring = np.sqrt(height * height + radial * radial)
        cartilage = (y < -0.52 * self.cage_depth) & (np.abs(x) < 62.0)
        beside_spine = np.abs(x) > 16.0
        inside = np.where(ring > 0.62, 560.0, 210.0).astype(np.float32)
        hu = np.where(cartilage, 105.0, inside)
        self.fill(np.where(beside_spine, (ring - 1.0) * 4.6, 9.0).astype(np.float32), hu)
        # Sternum, with a waist between manubrium and body.
        front = -(self.cage_depth + 8.0)
        low, high = (-40.0, front - 20, -95.0), (40.0, front + 20, 75.0)

        def sternum(grow: float) -> None:
            canvas.paint(
                lambda x, y, z: (
                    np.maximum(
                        np.sqrt((x / (20.0 + 8 * np.clip(z / 60, 0, 1))) ** 2 + ((y - front - 0.12 * z) / 6.5) ** 2)
                        - 1.0,
                        np.abs(z + 10) / 80.0 - 1.0,
                    )
                    * 6.5
                    + grow
                ),
                420.0 if not grow else 160.0,
                low,
                high,
            )

        sternum(0.0)
        sternum(2.2)
        for side in (-1.0, 1.0):
            # Shoulder blade and collar bone.
            for a_point, b_point in (
                ((side * (a.width - 88), 84.0, 55.0), (side * (a.width - 28), 44.0, 58.0)),
                ((side * (a.width - 80), 80.0, 15.0), (side * (a.width - 40), 54.0, 18.0)),
            ):
                canvas.paint(_Blade(a_point, b_point), 430.0, (-200.0, 20.0, 0.0), (200.0, 120.0, 99.0), edge_mm=2.2)
            canvas.tube(
                [(side * 24, front + 4, 62), (side * 70, front + 14, 78), (side * 118, front + 46, 92)],
                [7, 5.5, 6],
                330.0,
            )
        self._spine()

    def _spine(self) -> None:
        canvas, a, z = self.canvas, self.anatomy, self.canvas.z
        box = canvas.box((-44.0, self.spine_y - 32.0, -9e3), (44.0, self.spine_y + 72.0, 9e3))
        x, y = canvas.x[:, :, box[2]], canvas.y[:, box[1], :]
        bow = self.spine_y + np.float32(a.kyphosis) * np.cos((z - 20.0) / 80.0)
        level = (z + np.float32(a.disc_phase)) / 24.0
        phase = np.abs(level - np.round(level)) * 24.0  # mm from the middle of the disc
        body = (np.sqrt((x / 17.5) ** 2 + ((y - bow) / 15.0) ** 2) - 1.0) * 15.0
        body = np.maximum(body, y - bow - 12.0)  # flat behind
        disc = np.clip((3.4 - phase) / 2.5 + 0.5, 0.0, 1.0)
        marrow = 195.0 * (1 - disc) + 88.0 * disc
        cortex = 470.0 * (1 - disc) + 105.0 * disc
        self.fill(body - 3.0, _MUSCLE, box)
        self.fill(body, cortex + 0 * body, box)
        self.fill(body + 2.6, marrow + 0 * body, box)
        arch = np.sqrt((x / 16.0) ** 2 + ((y - bow - 23.0) / 14.0) ** 2) - 1.0
        processes = np.minimum(arch * 14.0, _bar(x, y - bow - 40.0, 4.2, 17.0))
        wings = np.where(phase > 7.0, _bar(y - bow - 24.0 - np.abs(x) * 0.25, x, 5.0, 31.0), 9.0)
        posterior = np.minimum(processes, wings)
        self.fill(posterior, 380.0, box)
        self.fill(posterior + 2.4, 190.0, box)
        canal = (np.sqrt((x / 10.0) ** 2 + ((y - bow - 21.5) / 9.0) ** 2) - 1.0) * 9.0
        self.fill(canal + 0 * z, 12.0, box)
        cord = (np.sqrt((x / 5.5) ** 2 + ((y - bow - 21.0) / 4.2) ** 2) - 1.0) * 4.2
        self.fill(cord + 0 * z, 42.0, box)

    def chest_cavity(self) -> None:
        """Lungs: the cage above the diaphragm, outside a mediastinum that follows its organs."""
        x, y, z = self.canvas.x, self.canvas.y, self.canvas.z
        spine = (np.sqrt((x / 23.0) ** 2 + ((y - self.spine_y - 12.0) / 30.0) ** 2) - 1.0) * 23.0
        inside = np.maximum(self.cage, -spine)
        self.fill(inside + 1.5, -92.0)
        middle = self._mediastinal_outline()
        lung = np.maximum(np.maximum(self.cage + 2.0, -self.diaphragm), -np.minimum(middle, spine - 1.0))
        self.lung = coverage(lung, self.grid.pixel_mm)
        gravity = _LUNG + 0.22 * (y + 10.0) + 0 * z
        self.canvas.hu += self.lung * (gravity - self.canvas.hu)

    def _mediastinal_outline(self) -> Array:
        x, y, z = self.canvas.x, self.canvas.y, self.canvas.z
        heart_r = self.anatomy.heart
        upper = np.clip((z + 30.0) / 110.0, 0.0, 1.0)  # the great vessels draw together upwards
        column = (np.sqrt((x / (27.0 - 6 * upper)) ** 2 + ((y - 14.0) / 33.0) ** 2) - 1.0) * 27.0
        vessels = (np.sqrt(((x + 3.0) / (37.0 - 7 * upper)) ** 2 + ((y + 20.0) / 25.0) ** 2) - 1.0) * 25.0
        vessels = np.maximum(vessels, -(z + 75.0))
        septum = (np.sqrt(((x - 4.0) / 3.2) ** 2 + ((y + 62.0) / 36.0) ** 2) - 1.0) * 3.2
        aorta = np.hypot(x - 24.0 - self.anatomy.aorta_sway, y - self.spine_y + 2.0) - 16.0 * self.anatomy.vessel
        aorta = np.maximum(aorta, z - 30.0)
        outline: Array = np.minimum(np.minimum(column, vessels), np.minimum(septum, aorta))
        for centre, radii, turn in (
            ((20.0, -36.0, -62.0), (68.0 * heart_r, 48.0 * heart_r, 50.0 * heart_r), -0.55),
            ((-32.0, -18.0, -50.0), (27.0, 34.0, 42.0), 0.0),
            ((16.0, 10.0, 28.0), (26.0, 46.0, 17.0), 0.12),
            ((-45.0, 6.0, -20.0), (17.0, 17.0, 27.0), 0.0),
            ((46.0, 10.0, -14.0), (15.0, 17.0, 25.0), 0.0),
            ((-24.0, 8.0, -78.0), (17.0, 17.0, 26.0), 0.0),
        ):
            outline = np.minimum(outline, ellipsoid(centre, radii, turn)(x, y, z))
        for lesion in self.subject.lesions:
            if lesion.nodal:
                r = lesion.room_mm / 2 + 4.0
                outline = np.minimum(outline, ellipsoid(lesion.centre_mm, (r, r, r))(x, y, z))
        return outline

    def mediastinum(self) -> None:
        canvas, h, v, blood = self.canvas, self.anatomy.heart, self.anatomy.vessel, self.blood
        lateral = 24.0 + self.anatomy.aorta_sway
        above = coverage(-self.diaphragm, 4.0)
        back = self.spine_y - 2.0

        def chamber(centre: Point, radii: Point, hu: float, turn: float) -> None:
            scaled = (20 + (centre[0] - 20) * h, -36 + (centre[1] + 36) * h, -62 + (centre[2] + 62) * h)
            size = (radii[0] * h, radii[1] * h, radii[2] * h)
            canvas.ellipsoid(scaled, size, hu, turn=turn, edge_mm=3.0, within=above)

        chamber((21, -36, -62), (62, 42, 45), 112.0, -0.55)
        chamber((44, -24, -66), (34, 17, 27), blood, -0.62)  # left ventricle
        chamber((14, -58, -64), (38, 14, 30), blood - 6, -0.42)  # right ventricle
        chamber((-30, -26, -58), (21, 27, 32), blood - 8, 0.25)  # right atrium
        chamber((4, 2, -46), (33, 17, 22), blood, 0.05)  # left atrium
        canvas.tube([(2, -34, -50), (-8, -30, -25), (-14, -28, 2)], [13 * v, 14 * v, 15 * v], blood)
        arch = [(-14, -28, 2), (-11, -23, 19), (2, -6, 29), (14, 14, 30), (lateral - 2, back - 6, 20)]
        canvas.tube(arch, [15 * v, 14.5 * v, 13.5 * v, 13 * v, 12.5 * v], blood)
        canvas.tube(
            [(lateral - 2, back - 6, 20), (lateral, back, -10), (lateral - 3, back, -80), (9, back - 8, -170)],
            [12.5 * v, 12 * v, 11.5 * v, 10.5 * v],
            blood,
        )
        canvas.tube([(10, -46, -40), (18, -34, -18), (24, -16, -6), (42, 8, -3)], [12, 13, 12, 9.5], blood - 8)
        canvas.tube([(20, -20, -10), (-4, -8, -13), (-26, -2, -15), (-44, 4, -18)], [11, 10.5, 10, 8.5], blood - 8)
        canvas.tube([(-23, -20, 110), (-25, -17, 40), (-27, -16, -36)], [8 * v, 9 * v, 9.5 * v], blood - 4)
        canvas.tube([(-23, -20, 52), (4, -36, 62), (30, -34, 80), (42, -26, 110)], [7, 6.5, 6, 6], blood - 10)
        canvas.tube([(-10, -14, 34), (-18, -6, 60), (-24, -4, 110)], [6.5, 6, 5], blood)
        canvas.tube([(5, -2, 36), (13, -2, 62), (17, 0, 110)], [4.5, 4, 4], blood)
        canvas.tube([(15, 14, 36), (25, 14, 60), (36, 12, 110)], [5.5, 5, 5], blood)
        canvas.tube([(-26, -10, -52), (-22, 6, -84), (-22, 12, -170)], [12, 12, 12.5], 142.0)
        canvas.tube([(-8, back, -170), (-7, back + 2, -10), (-12, back - 8, 10), (-22, -6, 10)], [3, 4, 4, 4], 150.0)
        canvas.tube([(2, 28, 110), (3, 30, 20), (6, back - 17, -60), (20, 12, -100)], [6.5, 7, 7.5, 8], 44.0)
        canvas.tube([(2, 28, 110), (3, 30, 30)], [1.8, 1.2], -500.0)
        for side in (-1.0, 1.0):  # pulmonary veins into the left atrium
            canvas.tube([(side * 22, 4, -42), (side * 44, 8, -34)], [6.5, 5], blood)
            canvas.tube([(side * 22, 8, -52), (side * 46, 20, -58)], [6.5, 5], blood)

    def abdomen(self) -> None:
        canvas, x, y, z = self.canvas, self.canvas.x, self.canvas.y, self.canvas.z
        spine = (np.sqrt((x / 36.0) ** 2 + ((y - self.spine_y) / 32.0) ** 2) - 1.0) * 32.0
        below = np.maximum(np.maximum(self.diaphragm, self.cage), -spine)
        self.fill(np.maximum(below, np.abs(self.diaphragm + 2.0) - 2.0), _MUSCLE)
        edge = 0.80 * x + 0.56 * y - 14.0 + 0.12 * (z + 100.0)
        edge = edge + 2.5 * np.sin(y / 13.0) + 2.0 * np.sin(z / 9.0)
        liver = np.maximum(np.maximum(self.diaphragm + 3.0, self.cage + 4.0), np.maximum(edge, -spine))
        share = coverage(liver, 2 * self.grid.pixel_mm)
        canvas.hu += share * (self.liver - canvas.hu)
        shift = self.breath
        self._clipped((92, 40, -120 + shift), (32, 46, 40), 122.0, -0.35)
        self._clipped((58, -24, -122 + shift), (44, 42, 36), 58.0, -0.3)
        self._clipped((58, -24, -122 + shift), (40, 38, 32), 22.0, -0.3)
        air = np.maximum(ellipsoid((58, -24, -122 + shift), (39, 37, 31), -0.3)(x, y, z), y + 38.0)
        self.fill(np.maximum(air, self.diaphragm + 6.0), -940.0)
        for side in (-1.0, 1.0):
            centre = (side * 62.0, self.spine_y + 6.0, -188.0 + 6 * side)
            canvas.ellipsoid(centre, (27, 30, 58), 190.0)
            canvas.ellipsoid(centre, (13, 15, 40), 120.0)
        random = np.random.Generator(np.random.PCG64((self.subject.seed, 6)))
        inside = share * (canvas.hu > 60)
        keep = [les for les in self.subject.lesions if les.organ == "liver"]
        for root, way in (
            ((-22.0, 4.0, -92.0), (-0.85, 0.2, -0.35)),
            ((-22.0, 0.0, -92.0), (-0.6, -0.7, -0.3)),
            ((-20.0, -2.0, -94.0), (0.3, -0.9, -0.3)),
            ((-30.0, -6.0, -128.0), (-0.8, 0.3, 0.25)),
            ((-30.0, -8.0, -128.0), (-0.5, -0.8, 0.3)),
        ):
            grow_vessel(canvas, random, root, way, 4.6, 24.0, 5, 156.0, inside, keep, floor=1.1)

    def _clipped(self, centre: Point, radii: Point, hu: float, turn: float) -> None:
        """An abdominal organ, kept below the diaphragm and within the wall."""
        organ = ellipsoid(centre, radii, turn)(self.canvas.x, self.canvas.y, self.canvas.z)
        self.fill(np.maximum(np.maximum(organ, self.diaphragm + 4.0), self.cage + 4.0), hu)

    def lung_vessels(self) -> None:
        random = np.random.Generator(np.random.PCG64((self.subject.seed, 4)))
        keep = [lesion for lesion in self.subject.lesions if lesion.organ == "lung"]
        for side in (-1.0, 1.0):
            for n in range(16):
                z_way = -1.7 + 3.4 * n / 15
                y_way = (-1) ** n * float(random.uniform(0.15, 1.0))
                root = (side * 40.0, 8.0 + 7 * y_way, -18.0 + 11.0 * z_way)
                radius = float(random.uniform(3.2, 5.0))
                grow_vessel(
                    self.canvas, random, root, (side * 0.85, y_way, z_way), radius, 29.0, 6, 40.0, self.lung, keep
                )

    def airways(self) -> None:
        trachea = [(0, 6, 110), (0, 12, 40), (0, 14, 4)]
        right = [(0, 14, 4), (-22, 15, -15), (-44, 13, -28), (-56, 16, -44)]
        left = [(0, 14, 4), (26, 17, -20), (46, 17, -31), (58, 20, -46)]
        for points, radii in ((trachea, (9.0, 9.0, 9.0)), (right, (8.0, 7.0, 5.0, 3.6)), (left, (7.5, 6.5, 4.8, 3.4))):
            self.canvas.tube(points, [r + 1.8 for r in radii], 28.0)
        for points, radii in ((trachea, (9.0, 9.0, 9.0)), (right, (8.0, 7.0, 5.0, 3.6)), (left, (7.5, 6.5, 4.8, 3.4))):
            self.canvas.tube(points, radii, -985.0)

    def lesions(self) -> None:
        for lesion in self.subject.lesions:
            centre = self._on_a_slice(lesion.centre_mm)
            if lesion.nodal:
                r = lesion.room_mm / 2 + 3.0
                self.canvas.ellipsoid(centre, (r, r, r), -92.0, edge_mm=4.0)
            long, short = lesion.diameters_mm[self.timepoint]
            if long > 0:
                self._lesion(lesion, centre, long / 2, short / 2)

    def _on_a_slice(self, centre: Point) -> Point:
        """Move a centre within the scan to the nearest slice: the largest section must lie on one."""
        levels = self.canvas.z.ravel()
        nearest = float(levels[np.argmin(np.abs(levels - centre[2]))])
        inside = abs(nearest - centre[2]) <= self.grid.slice_thickness_mm / 2
        return (centre[0], centre[1], nearest) if inside else centre

    def _lesion(self, lesion: Lesion, centre: Point, long: float, short: float) -> None:
        cosine, sine = math.cos(lesion.turn), math.sin(lesion.turn)
        deep = (long + short) / 2
        hu, edge = {"lung": (40.0, 1.2), "liver": (62.0, 2.5)}.get(lesion.organ, (72.0, 1.5))

        def distance(x: Array, y: Array, z: Array) -> Array:
            dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
            u, v, w = (dx * cosine + dy * sine) / long, (dy * cosine - dx * sine) / short, dz / deep
            k = np.sqrt(u * u + v * v + w * w)
            # Lobes dent the outline between the axes and leave both diameters as they are.
            dent = 0.07 * (u * v) ** 2 / np.maximum(k, 1e-3) ** 4 * 4.0
            result: Array = (k / (1.0 - dent) - 1.0) * np.float32(short)
            return result

        r = long + 4.0
        low = (centre[0] - r, centre[1] - r, centre[2] - deep - 1)
        high = (centre[0] + r, centre[1] + r, centre[2] + deep + 1)
        self.canvas.paint(distance, hu, low, high, edge_mm=max(edge, self.grid.pixel_mm))


def _superellipse(x: Array, y: Array, width: float, depth: float, power: float) -> Array:
    result: Array = ((np.abs(x) / width) ** power + (np.abs(y) / depth) ** power) ** (1.0 / power)
    return result


def _bar(across: Array, along: Array, half_width: float, half_length: float) -> Array:
    """Signed distance to a straight bar in the plane, mm."""
    result: Array = np.maximum(np.abs(across) - half_width, np.abs(along) - half_length)
    return result


@dataclass(frozen=True)
class _Blade:
    """A thin upright plate between two points, 45 mm tall."""

    a: Point
    b: Point

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        t = np.clip(((x - self.a[0]) * dx + (y - self.a[1]) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        bend = 7.0 * t * (1 - t)
        gap = np.hypot(x - self.a[0] - t * dx, y - self.a[1] - t * dy + bend) - 2.4 - 2.0 * t**3
        result: Array = np.maximum(gap, np.abs(z - self.a[2]) - 24.0)
        return result
