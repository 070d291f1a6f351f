// Compiled by the builder: hearth deploy env-images/nodejs/examples/typescript --route /sum
interface Context {
  request: { query: Record<string, string | undefined> };
}

interface Answer {
  status: number;
  body: unknown;
}

export default async ({ request }: Context): Promise<Answer> => {
  const numbers = (request.query.numbers ?? '').split(',').filter(Boolean).map(Number);
  if (numbers.some(Number.isNaN)) return { status: 400, body: { error: 'numbers must be like 1,2,3' } };
  return { status: 200, body: { sum: numbers.reduce((a, b) => a + b, 0) } };
};
