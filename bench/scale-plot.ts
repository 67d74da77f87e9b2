import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { OPERATIONS, type ScaleCosts, SIZES } from './scale.js';

const WIDTH = 720;
const HEIGHT = 420;
/** As many significant digits as a noisy machine can tell. */
const DIGITS = 3;

const micros = (nanoseconds: number): number => Number((nanoseconds / 1_000).toPrecision(DIGITS));
const text = (count: number): string => count.toLocaleString('en');

/** What operations cost beside how many established CEPs, as a picture: both axes are logarithmic. */
export function scalePlot(costs: ScaleCosts): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: 'What an operation costs beside established CEPs', left: 'center' },
    legend: { bottom: 0, type: 'plain' },
    grid: { left: 70, right: 30, top: 50, bottom: 90 },
    xAxis: { type: 'category', name: 'CEPs', nameLocation: 'middle', nameGap: 28, data: SIZES.map(text) },
    yAxis: { type: 'log', name: 'µs', min: 0.1 },
    series: OPERATIONS.map((what) => ({ name: what, type: 'line', data: (costs[what] ?? []).map(micros) })),
  });
  return chart.renderToSVGString();
}

/** The same as a table in Markdown. */
export function scaleTable(costs: ScaleCosts): string {
  const rows = OPERATIONS.map((what) => [what, ...(costs[what] ?? []).map((cost) => `${micros(cost)}`)]);
  const head = ['µs, beside established CEPs', ...SIZES.map(text)];
  return [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}
