const slugify = require('slugify');

module.exports = async (context) => {
  const name = context.request.query.name || 'world';
  console.log('greeting', name);
  return { status: 200, body: { greeting: `Hello, ${name}!`, slug: slugify(name, { lower: true }) } };
};
