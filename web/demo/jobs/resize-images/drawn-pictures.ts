import { makeCanvas, type Source } from './pictures'

type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void

/** Drawn by the page, so that the job can be tried by who has no picture at hand. */
export const DRAWN_PICTURES: readonly Source[] = [
  drawn('landscape', 1200, 800, drawLandscape),
  drawn('chart', 1000, 750, drawChart),
  drawn('ring on nothing', 800, 800, drawRing),
]

function drawn(name: string, width: number, height: number, draw: Draw): Source {
  return {
    name,
    decode: () => {
      const context = makeCanvas(width, height)
      draw(context, width, height)
      return createImageBitmap(context.canvas)
    },
  }
}

function drawLandscape(context: CanvasRenderingContext2D, width: number, height: number): void {
  const sky = context.createLinearGradient(0, 0, 0, height)
  sky.addColorStop(0, '#1d3f72')
  sky.addColorStop(0.55, '#e79a6b')
  sky.addColorStop(1, '#f6d9a8')
  context.fillStyle = sky
  context.fillRect(0, 0, width, height)
  context.fillStyle = '#fff3d6'
  circle(context, width * 0.7, height * 0.42, height * 0.09)
  const hills = ['#6d5a7d', '#4a4a6b', '#2e3a52', '#17253a']
  hills.forEach((colour, row) => {
    context.fillStyle = colour
    context.beginPath()
    context.moveTo(0, height)
    for (let x = 0; x <= width; x += 2) {
      const wave = Math.sin(x / (150 - row * 22) + row * 2) + Math.sin(x / 47 + row) / 4
      context.lineTo(x, height * (0.58 + row * 0.1) - wave * 32)
    }
    context.lineTo(width, height)
    context.fill()
  })
}

function drawChart(context: CanvasRenderingContext2D, width: number, height: number): void {
  context.fillStyle = '#ffffff'
  context.fillRect(0, 0, width, height)
  context.strokeStyle = '#d5dad6'
  context.lineWidth = 1
  for (let line = 1; line <= 8; line += 1) stroke(context, 60, height - 60 - line * 75, width - 30)
  const values = [3, 5, 4, 7, 6, 8, 5, 7.5]
  const step = (width - 120) / values.length
  values.forEach((value, index) => {
    context.fillStyle = index % 2 === 0 ? '#0b7a5c' : '#2456c8'
    context.fillRect(80 + index * step, height - 60 - value * 75, step * 0.62, value * 75)
    context.fillStyle = '#16191c'
    context.font = '28px sans-serif'
    context.fillText(String(value), 84 + index * step, height - 72 - value * 75)
  })
  context.strokeStyle = '#16191c'
  context.lineWidth = 3
  stroke(context, 60, height - 60, width - 30)
}

function drawRing(context: CanvasRenderingContext2D, width: number, height: number): void {
  const side = Math.min(width, height)
  const colours = context.createConicGradient(0, width / 2, height / 2)
  for (let part = 0; part <= 6; part += 1) colours.addColorStop(part / 6, `hsl(${part * 60} 75% 52%)`)
  context.fillStyle = colours
  circle(context, width / 2, height / 2, side * 0.48)
  context.globalCompositeOperation = 'destination-out'
  const fade = context.createRadialGradient(
    width / 2,
    height / 2,
    side * 0.18,
    width / 2,
    height / 2,
    side * 0.34,
  )
  fade.addColorStop(0, 'rgb(0 0 0 / 100%)')
  fade.addColorStop(1, 'rgb(0 0 0 / 0%)')
  context.fillStyle = fade
  circle(context, width / 2, height / 2, side * 0.34)
}

function circle(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

function stroke(context: CanvasRenderingContext2D, from: number, y: number, to: number): void {
  context.beginPath()
  context.moveTo(from, y)
  context.lineTo(to, y)
  context.stroke()
}
