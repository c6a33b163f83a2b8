"""The programs of the graphics card, in GLSL 3.30, for `renderer`."""

# Depth from a light, and from below the floor: nothing but positions.
SHADOW_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 position;
void main() { gl_Position = clip_from_world * vec4(position, 1.0); }
"""
SHADOW_FRAGMENT = """
#version 330
void main() {}
"""

# How near the floor the lowest thing over it is: 1 on it, 0 high above.
UNDERSIDE_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 position;
out float height;
void main() {
    gl_Position = clip_from_world * vec4(position, 1.0);
    height = position.z;
}
"""
UNDERSIDE_FRAGMENT = """
#version 330
in float height;
out float near;
void main() { near = exp(-max(height, 0.0) / 0.18); }
"""

# Exact depth along the optical axis, who it is, and how far it moved in the image.
TRUTH_VERTEX = """
#version 330
uniform mat4 clip_from_world;
uniform mat4 clip_from_world_before;
uniform vec4 depth_from_world;
uniform int person;                 // 0: `id` tells
in vec3 position;
in vec3 before;
in int id;
out float depth;
out vec4 now_clip;
out vec4 before_clip;
flat out int who;
void main() {
    gl_Position = clip_from_world * vec4(position, 1.0);
    now_clip = gl_Position;
    before_clip = clip_from_world_before * vec4(before, 1.0);
    depth = dot(depth_from_world, vec4(position, 1.0));
    who = person > 0 ? person : id;
}
"""
TRUTH_FRAGMENT = """
#version 330
uniform vec2 half_size;             // px
in float depth;
in vec4 now_clip;
in vec4 before_clip;
flat in int who;
layout(location = 0) out float z;
layout(location = 1) out int id;
layout(location = 2) out vec2 flow;
void main() {
    z = depth;
    id = who;
    vec2 before = before_clip.xy / max(before_clip.w, 0.01);
    flow = (now_clip.xy / now_clip.w - before) * half_size;
}
"""

LOOKS_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 surface;                    // layer of the texture, gloss, glow
out vec3 at;
out vec3 up;
out vec2 coordinates;
flat out vec3 kind;
void main() {
    gl_Position = clip_from_world * vec4(position, 1.0);
    at = position;
    up = normal;
    coordinates = uv;
    kind = surface;
}
"""

_LIGHTING = """
#version 330
#define LIGHTS %d
uniform mat4 light_clip[LIGHTS];
uniform vec3 light_at[LIGHTS];
uniform vec3 light_towards[LIGHTS];
uniform vec3 light_power[LIGHTS];
uniform vec3 light_cone[LIGHTS];   // cosine of the half opening, softness [texel], size [m]
uniform sampler2DShadow shadow[LIGHTS];
uniform sampler2D underside;
uniform vec3 ambient;
uniform vec3 bounce;                // light from the floor, on what looks down
uniform vec3 room;                  // half sizes along x and y, height [m]
uniform vec3 eye;
uniform float exposure;
in vec3 at;
in vec3 up;
in vec2 coordinates;
flat in vec3 kind;
out vec4 colour;

const vec2 DISC[5] = vec2[5](vec2(0.08, -0.15), vec2(0.75, 0.30), vec2(-0.33, 0.82),
                             vec2(-0.78, -0.35), vec2(0.30, -0.88));

float lit(sampler2DShadow map, vec3 place, float softness, vec2 turn) {
    float sum = 0.0;
    for (int i = 0; i < 5; ++i) {
        vec2 step = vec2(DISC[i].x * turn.x - DISC[i].y * turn.y,
                         DISC[i].x * turn.y + DISC[i].y * turn.x);
        sum += texture(map, vec3(place.xy + step * softness, place.z));
    }
    return sum / 5.0;
}

// Light of one lamp on a surface: diffuse in x, mirrored in y, both before its power.
vec2 lamp(int i, sampler2DShadow map, vec3 n, vec3 view, vec2 turn, float wrap, float gloss) {
    vec3 way = light_at[i] - at;
    float square = dot(way, way);
    vec3 l = way * inversesqrt(square);
    float facing = (dot(n, l) + wrap) / (1.0 + wrap);
    float cone = smoothstep(light_cone[i].x, light_cone[i].x + 0.25, dot(-l, light_towards[i]));
    if (facing <= 0.0 || cone <= 0.0) return vec2(0.0);
    vec4 clip = light_clip[i] * vec4(at + n * 0.02, 1.0);
    vec3 place = clip.xyz / clip.w * 0.5 + 0.5;
    place.z -= 0.0004;
    float strength = cone / (square + light_cone[i].z * light_cone[i].z + 0.3)
                   * lit(map, place, light_cone[i].y, turn);
    float mirrored = gloss > 0.0 ? gloss * pow(max(dot(n, normalize(l + view)), 0.0), 40.0) : 0.0;
    return strength * vec2(facing, mirrored);
}

// What is left of the light from everywhere near floor and walls.
float openness(vec3 n) {
    vec4 wall = vec4(room.x - at.x, room.x + at.x, room.y - at.y, room.y + at.y);
    vec4 turned = vec4(-n.x, n.x, -n.y, n.y);
    vec4 shut = 0.45 * exp(-max(wall, 0.0) / 0.3) * (0.5 - 0.5 * turned);
    float floor_shut = 0.5 * exp(-max(at.z, 0.0) / 0.25) * (0.5 - 0.5 * n.z);
    float open = (1.0 - shut.x) * (1.0 - shut.y) * (1.0 - shut.z) * (1.0 - shut.w)
               * (1.0 - floor_shut);
    if (at.z < 0.02) {
        vec2 place = at.xy / room.xy * 0.5 + 0.5;
        float near = 0.55 * textureLod(underside, place, 1.5).r
                   + 0.45 * textureLod(underside, place, 3.6).r;
        open *= 1.0 - 0.75 * min(near, 1.0);
    }
    return open;
}

vec3 encoded(vec3 light) {
    vec3 x = light * exposure;
    x = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14);
    return pow(clamp(x, 0.0, 1.0), vec3(1.0 / 2.2));
}

vec3 shaded(vec3 paint, vec3 n, float wrap, float gloss) {
    vec3 view = normalize(eye - at);
    float angle = 6.2832 * fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.0671, 0.00584))));
    vec2 turn = vec2(cos(angle), sin(angle));
    float open = openness(n);
    vec3 diffuse = (ambient * (0.85 + 0.15 * n.z) + bounce * (0.5 - 0.5 * n.z)) * open;
    vec3 mirrored = vec3(0.0);
    vec2 one;
    %s
    float rim = pow(1.0 - max(dot(n, view), 0.0), 5.0);
    mirrored += ambient * gloss * (0.04 + 0.5 * rim) * open;
    return paint * diffuse + mirrored;
}
"""
_ONE_LIGHT = """
    one = lamp({0}, shadow[{0}], n, view, turn, wrap, gloss);
    diffuse += one.x * mix(open, 1.0, 0.5) * light_power[{0}];
    mirrored += one.y * light_power[{0}];
"""
_ROOM = """
uniform sampler2DArray paints;
void main() {
    vec3 paint = pow(texture(paints, vec3(coordinates, kind.x)).rgb, vec3(2.2));
    vec3 n = normalize(up);
    vec3 light = shaded(paint, n, 0.0, kind.y) + paint * kind.z;
    colour = vec4(encoded(light), 1.0);
}
"""
_PERSON = """
uniform sampler2D skin;
void main() {
    vec3 paint = pow(texture(skin, coordinates).rgb, vec3(2.2));
    vec3 n = normalize(up);
    colour = vec4(encoded(shaded(paint, n, 0.15, 0.12)), 1.0);
}
"""


def looks_fragments(lights: int) -> tuple[str, str]:
    """What colours the room, and what colours people, under so many lights.

    The number stands in the text: Mesa's software goes through every branch for every pixel.
    """
    lit = _LIGHTING % (lights, ''.join(_ONE_LIGHT.format(i) for i in range(lights)))
    return lit + _ROOM, lit + _PERSON
