// Fission's callback style: hearth deploy callback.js --route /callback
module.exports = (context, callback) => {
  callback(200, `called with ${context.request.method}\n`, { 'X-Style': 'callback' });
};
