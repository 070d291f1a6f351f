module.exports = async () => {
  let x = ;
};
