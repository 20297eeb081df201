import { expect, it } from 'vitest'
import { codeFrame, JobsError } from './errors'

const SOURCE = ['import x', '', 'def f(:', '    pass', '', 'end'].join('\n')

it('frames the line at fault with those around it', () => {
  expect(codeFrame(SOURCE, { line: 3, column: 7 })).toBe(
    ['1   |  import x', '2   |  ', '3   |  def f(:', '    |        ^', '4   |      pass', '5   |  '].join(
      '\n',
    ),
  )
})

it('frames the first and the last line', () => {
  expect(codeFrame(SOURCE, { line: 1, column: 1 }).split('\n')).toHaveLength(4)
  expect(codeFrame(SOURCE, { line: 6, column: 1 })).toMatch(/^4 {3}\|.*\n5 .*\n6 {3}\| {2}end\n {4}\| {2}\^$/)
})

it('carries what Vite shows, and no trace', () => {
  const place = { file: '/jobs.py', line: 3, column: 7 }
  expect(new JobsError('SyntaxError: no', place, SOURCE)).toMatchObject({
    message: 'SyntaxError: no',
    id: '/jobs.py',
    loc: place,
    stack: '',
  })
})
