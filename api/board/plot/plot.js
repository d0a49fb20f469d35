// A plot as `picture.py` describes it. All texts are bound as text. Whoever points at it reads the nearest value.

const CLOCK = {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
};

export default {
  template: `
    <figure class="plot">
      <div class="plot-room" :style="{'--letters': letters}">
        <div class="plot-values" aria-hidden="true">
          <span v-for="tick in picture.values" :style="{bottom: share(tick.at)}">{{ tick.text }}</span>
        </div>
        <div
          ref="place" class="plot-place" role="img" :aria-label="told" :style="{height: height + 'px'}"
          @pointermove="point" @pointerdown="point" @pointerleave="nearest = []"
        >
          <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path v-for="tick in picture.values" class="plot-grid" :d="'M0 ' + 1000 * (1 - tick.at) + 'H1000'"></path>
            <template v-for="curve in picture.curves">
              <path v-if="curve.area" :class="curve.look === 'band' ? 'plot-band' : 'plot-area'" :d="curve.area"></path>
              <path v-if="curve.path" :class="['plot-' + curve.shape, 'plot-' + curve.look]" :d="curve.path"></path>
              <path v-if="curve.alone" :class="['plot-alone', 'plot-' + curve.look]" :d="curve.alone"></path>
              <path v-if="curve.suspect" class="plot-suspect" :d="curve.suspect"></path>
              <path v-if="curve.suspect" class="plot-suspect-hole" :d="curve.suspect"></path>
            </template>
            <template v-for="line in picture.lines">
              <path
                v-if="!line.outside" :class="['plot-rule', 'plot-' + line.tone]"
                :d="'M0 ' + 1000 * (1 - line.at) + 'H1000'"
              ></path>
            </template>
            <path v-if="nearest.length" class="plot-cursor" :d="'M' + 1000 * nearest[0].x + ' 0V1000'"></path>
            <path v-for="one in nearest" class="plot-point" :d="'M' + 1000 * one.x + ' ' + 1000 * (1 - one.y) + 'h0'"></path>
          </svg>
          <span v-if="!known" class="plot-nothing">{{ marks.nothing }}</span>
          <span
            v-for="line in picture.lines" aria-hidden="true" :style="{bottom: share(line.at)}"
            :class="['plot-rule-text', 'plot-' + line.tone, {below: line.below, outside: line.outside, left: line.left}]"
          ><template v-if="line.outside">{{ line.at ? '↑ ' : '↓ ' }}</template>{{ line.text }}</span>
          <div
            v-if="nearest.length" :class="['plot-tip', {left: nearest[0].x > 0.5}]" aria-hidden="true"
            :style="{left: share(nearest[0].x)}"
          >
            <div v-for="one in nearest"><strong>{{ one.value }}</strong> {{ unit }} <small>{{ one.name }}</small></div>
            <small>{{ nearest[0].time }}</small>
          </div>
        </div>
        <div class="plot-times" aria-hidden="true">
          <span v-for="tick in picture.times" :class="{last: tick.at > 0.95}" :style="{left: share(tick.at)}">{{ tick.text }}</span>
        </div>
      </div>
      <figcaption v-if="legend.length || href">
        <span v-for="one in legend" :class="['plot-name', 'plot-' + one.look]">{{ one.name }}</span>
        <a v-if="href" :href="href" download>{{ link }}</a>
      </figcaption>
    </figure>
  `,
  props: {
    picture: Object,
    courses: Array,
    told: String,
    height: Number,
    unit: String,
    decimals: Number,
    zone: String,
    language: String,
    marks: Object,
    href: String,
    link: String,
  },
  data() {
    return { nearest: [] };
  },
  computed: {
    letters() {
      return Math.max(...this.picture.values.map((tick) => tick.text.length));
    },
    known() {
      return this.picture.curves.some((curve) => curve.x.length);
    },
    legend() {
      return this.picture.curves.filter((curve) => curve.name && curve.x.length);
    },
    clock() {
      return new Intl.DateTimeFormat(this.language === "en" ? "en-GB" : this.language, { ...CLOCK, timeZone: this.zone });
    },
  },
  methods: {
    share(part) {
      return 100 * part + "%";
    },
    point(event) {
      const box = this.$refs.place.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width;
      this.nearest = this.picture.curves.flatMap((curve, which) => {
        const place = curve.look === "band" ? -1 : this.search(curve.x, at);
        return place < 0 ? [] : [this.shown(curve, this.courses[which], place)];
      });
    },
    search(xs, at) {
      let low = 0;
      let high = xs.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (xs[middle] < at) low = middle + 1;
        else high = middle;
      }
      return low > 0 && at - xs[low - 1] < xs[low] - at ? low - 1 : high;
    },
    shown(curve, course, place) {
      const number = (value) =>
        value.toLocaleString("en", { minimumFractionDigits: this.decimals, maximumFractionDigits: this.decimals });
      const range = course.low.length && course.high[place] > course.low[place];
      const notes = [
        curve.name,
        range ? `${number(course.low[place])} – ${number(course.high[place])}` : "",
        course.suspect.includes(place) ? this.marks.suspect : "",
      ];
      return {
        x: curve.x[place],
        y: curve.y[place],
        value: number(course.values[place]),
        time: this.clock.format(new Date(course.times_ms[place])),
        name: notes.filter(Boolean).join(" · "),
      };
    },
  },
};
